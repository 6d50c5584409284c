{{ identity_step('anonymous_id') }} -- noqa: PRS
