// Package config is the typed configuration of a node, valid by construction,
// with what can be said about it: findings with positions.
//
// It reads no files: config/keepalived makes a Config from keepalived.conf,
// config/source from YAML, TOML and JSON, and config/build turns a Config
// into what the machines and edges take.
package config
