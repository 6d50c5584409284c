{{ identity_step('user_id') }} -- noqa: PRS
