"""The one table that says which role may do what.

A route names the permission it wants, an action of the life cycle is ``incident.<action>``; a
permission that stands in no row is refused to everybody. What a role may do it may do inside its
scope only (see :mod:`gis_service.accounts.identity`).
"""

from __future__ import annotations

ROLES = (
    "admin", "dispatcher", "duty_chief", "street_office", "squad_leader", "officer",
    "unit_handler", "community_worker", "planner", "viewer",
)  # fmt: skip
ROLE_NAMES = {
    "admin": ("管理员", "administrator"),
    "dispatcher": ("派遣员", "dispatcher"),
    "duty_chief": ("值班长", "duty chief"),
    "street_office": ("街道办", "street office"),
    "squad_leader": ("中队长", "squad leader"),
    "officer": ("队员", "officer"),
    "unit_handler": ("责任单位处置员", "unit handler"),
    "community_worker": ("社区服务岗", "community worker"),
    "planner": ("股室", "planner"),
    "viewer": ("查看者", "viewer"),
}

_DESK = {"dispatcher", "duty_chief"}
_SQUAD = {"squad_leader", "officer"}
_HANDLERS = {*_SQUAD, "unit_handler"}
_LOCAL = {"street_office", "community_worker"}
_EVERYONE = set(ROLES)

_TABLE: dict[str, set[str]] = {
    # incidents: seeing, entering, and each action of the life cycle
    "incident.read": _EVERYONE,
    "incident.report": _DESK | _SQUAD | _LOCAL | {"unit_handler"},
    "attachment.add": _DESK | _SQUAD | _LOCAL | {"unit_handler", "planner"},
    "incident.quick": _SQUAD,
    "incident.verify": _DESK | _SQUAD | _LOCAL,
    "incident.decline": _DESK,
    # a community takes its residents' orders; see incidents/actions.py
    "incident.file": _DESK | {"community_worker"},
    "incident.dispatch": _DESK | {"street_office", "community_worker"},
    "incident.accept": _HANDLERS,
    "incident.return": _HANDLERS,
    "incident.start": _HANDLERS,
    "incident.resolve": _HANDLERS,
    "incident.check": _DESK | _SQUAD | _LOCAL,
    "incident.rework": _DESK | _SQUAD | _LOCAL,
    "incident.close": _DESK,
    "incident.reopen": _DESK,
    "incident.defer": _DESK,
    "incident.resume": _DESK,
    "incident.extend": {"duty_chief"},
    "incident.supervise": {"duty_chief", "street_office"},
    "incident.merge": _DESK,
    "incident.unmerge": _DESK,
    "incident.transfer": _DESK | _HANDLERS,
    "incident.cancel": _DESK,
    "incident.whistle": {"street_office", "duty_chief"},
    "incident.report_in": _HANDLERS,
    "incident.place": _DESK | _SQUAD | _LOCAL,
    "incident.reclassify": _DESK,
    "incident.comment": _EVERYONE - {"viewer"},
    "incident.export": _EVERYONE - {"viewer"},
    # the source's reply and the call-back
    "report.reply": _DESK | {"community_worker"},
    # names and phones of those who reported; every read is logged
    "personal.read": _DESK | {"community_worker"},
    "metrics.read": _EVERYONE,
    "roster.read": _EVERYONE - {"viewer"},
    "roster.manage": {"duty_chief", "squad_leader"},
    # who promised which grids, and whether it was kept
    "contract.read": _DESK | _SQUAD | {"street_office", "planner"},
    "contract.manage": {"duty_chief", "squad_leader"},
    "coverage.read": _DESK | _SQUAD | {"street_office", "planner"},
    # choosing demonstration communities: the figures, putting one forward, deciding
    "planning.read": {"planner", "duty_chief", "squad_leader", "street_office"},
    "planning.nominate": {"planner", "street_office"},
    "planning.manage": {"planner"},
    # walks and visits of persons, and their phones
    "track.read": {"duty_chief", "squad_leader"},
    "track.upload": _SQUAD,
    "device.manage": _SQUAD,
    # frontage contracts; who signed wants personal.read
    "frontage.read": _EVERYONE,
    "frontage.manage": _LOCAL | {"duty_chief", "squad_leader"},
    "frontage.inspect": _LOCAL | _SQUAD | _DESK,
    # what communities have and do; names of residents and members want personal.read
    "community.read": _EVERYONE,
    "post.manage": _LOCAL | {"planner"},
    "station.manage": _LOCAL | {"planner", "squad_leader"},
    "party.manage": _LOCAL | {"planner"},
    "meeting.manage": _LOCAL,
    "activity.manage": _LOCAL | {"planner", "squad_leader", "unit_handler"},
    "survey.manage": {"planner", "street_office"},
    "survey.enter": _LOCAL | _SQUAD | {"planner"},
    "opinion.manage": _LOCAL | {"planner", "unit_handler"},
    # campaigns: setting them up; their tasks and photos, by who takes part
    "campaign.read": _EVERYONE,
    "campaign.manage": {"duty_chief", "planner"},
    "campaign.work": {"duty_chief", "planner"} | _HANDLERS | _LOCAL,
    # the plan: what is recorded as done, and the rectification list
    "progress.read": _EVERYONE,
    "progress.record": {"duty_chief", "planner"} | _LOCAL,
    "progress.manage": {"duty_chief", "planner"},
    "ledger.read": _EVERYONE,
    "ledger.write": {"duty_chief", "planner"} | _LOCAL,
    # the review documents: figures of the whole district
    "report.read": {"duty_chief", "planner", "street_office", "viewer"},
    "reference.manage": {"duty_chief"},
    "snapshot.make": _EVERYONE - {"viewer"},
    # of oneself
    "self": _EVERYONE,
    "account.manage": set(),
    "audit.read": set(),
    "system.read": set(),
}
# the administrator may do everything
PERMISSIONS: dict[str, frozenset[str]] = {
    permission: frozenset(roles | {"admin"}) for permission, roles in _TABLE.items()
}


def permissions_of(role: str) -> frozenset[str]:
    """What ``role`` may do."""
    return frozenset(name for name, roles in PERMISSIONS.items() if role in roles)
