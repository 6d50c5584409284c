{{ identity_step('email', 'int_identity_users') }} -- noqa: PRS
