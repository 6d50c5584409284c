with models as (

    select * from {{ ref('stg_models__action_models') }}

),

actions as (

    select * from {{ ref('stg_marketing__actions') }}

)

select
    models.action,
    actions.action_name,
    actions.vertical,
    models.basis,
    models.exposures,
    models.exposures_with_features,
    models.responses,
    models.response_rate,
    models.stops,
    models.stop_rate,
    models.auc,
    models.auc_low,
    models.auc_high,
    models.treated_people,
    models.control_people,
    models.qini,
    models.qini_low,
    models.qini_high,
    models.decided_at
from models
inner join actions on models.action = actions.action
