// Command plugin-redis-role is a checker for moonkeep: a Redis server is well
// that has the role which is asked for. It is meant to be copied.
package main

import "github.com/moonkeep/moonkeep/plugins/checker"

func main() { checker.Serve(redisRole{}) }
