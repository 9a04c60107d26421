"""The ledger 工作台账: the dated record of communities, units and campaigns."""
