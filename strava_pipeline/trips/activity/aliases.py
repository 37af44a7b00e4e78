"""Engineers' names for these commands, as trip products use them (docs/trips/activity) → the words that are typed here."""

ALIASES = {
    "export_activity_trips": ("trips", "activity", "export"),
    "diagnose_activity_trips": ("trips", "activity", "diagnose"),
    "analyze_activity_trip": ("trips", "activity", "analyze"),
}
