"""The migrations. Each one may run again on its own result: a table is made only if it is missing."""
