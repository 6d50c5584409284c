{{ identity_step('phone', 'int_identity_emails') }} -- noqa: PRS
