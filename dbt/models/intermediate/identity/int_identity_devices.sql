{{ identity_step('anonymous_id', 'int_identity_phones') }} -- noqa: PRS
