{{ identity_step('user_id', 'int_identity_sources') }} -- noqa: PRS
