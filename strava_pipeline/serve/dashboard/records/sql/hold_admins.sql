-- Changes nothing, and keeps all others from changing an admin until the transaction ends.
UPDATE dashboard_accounts SET role = role WHERE role = 'admin'
