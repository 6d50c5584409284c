{{ identity_step('email') }} -- noqa: PRS
