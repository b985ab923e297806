package config

// SyncGroup is a vrrp_sync_group: instances that change state together.
type SyncGroup struct {
	// Name is the group's name in messages and notifications.
	Name    string   `key:"name" word:"-" required:"true" tier:"1"`
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Members are the names of its instances; each may be in one group only.
	Members []string `key:"group" form:"list" required:"true" tier:"1"`
	// TrackScripts are tracked on behalf of every member.
	TrackScripts []Track `key:"track_scripts" word:"track_script" form:"lines" tier:"1"`
	// TrackInterfaces are tracked on behalf of every member.
	TrackInterfaces []Track `key:"track_interfaces" word:"track_interface" form:"lines" tier:"1"`
	// TrackFiles are tracked on behalf of every member.
	TrackFiles []Track `key:"track_files" word:"track_file" form:"lines" tier:"2"`
	// TrackProcesses are tracked on behalf of every member.
	TrackProcesses []Track `key:"track_processes" word:"track_process" form:"lines" tier:"2"`
	// TrackBFDs are BFD sessions tracked on behalf of every member.
	TrackBFDs []Track `key:"track_bfds" word:"track_bfd" form:"lines" tier:"2"`
	// KeepWeights lets trackers with a weight change the priorities of the
	// members. Without it a member's own ones are not used, as in keepalived.
	KeepWeights bool `key:"sync_group_tracking_weight" word:"sync_group_tracking_weight,global_tracking" form:"bare" tier:"2"`
	// Notify is what is told about the group's changes.
	Notify Notify `key:"notify" flat:"notify_" tier:"1"`
	// SMTPAlert mails at each change of the group.
	SMTPAlert bool `key:"smtp_alert" inherits:"global smtp_alert_vrrp, then smtp_alert" tier:"1"`
	// NotifyPriorityChanges writes a change of a member's priority to the
	// FIFO.
	NotifyPriorityChanges bool `key:"notify_priority_changes" inherits:"global vrrp_notify_priority_changes" tier:"3"`
}
