// Package metrics says what a node does and how it fares in the text format of
// Prometheus.
//
// It turns what control.Status and control.Usage say into samples when it is
// asked; nothing is counted here, and nothing is kept between two questions, so
// that the paths that matter pay nothing for it. cmd/moonkeep/daemon asks, for
// `moonkeep metrics` and for the address that metrics_listen names.
//
// The names are stable. Ages are gauges in seconds; what only grows ends with
// _total. Roles and states are one series for each value, 1 for the one that
// holds.
package metrics
