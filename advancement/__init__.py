"""Rule-driven tier advancement: rules, plans, apply and the audit trail."""
