{{ identity_step('phone') }} -- noqa: PRS
