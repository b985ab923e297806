package rehearse

import (
	"math/rand/v2"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/track"
)

// drawWatched lets instances outside sync groups, and the groups, track a file
// and a process, from chances of its own.
func drawWatched(r *rand.Rand, configs []node.Config) {
	if !chance(r, 50) {
		return
	}
	for i := range configs {
		cfg := &configs[i]
		cfg.Files = []node.File{{Name: "f"}}
		cfg.Processes = []node.Process{{
			Name: "p", Quorum: track.Quorum{Least: 1 + r.IntN(2), Most: pick(r, track.NoMost, 3)},
			ForkDelay: time.Duration(r.IntN(300)) * time.Millisecond, TerminateDelay: time.Duration(r.IntN(300)) * time.Millisecond,
		}}
		draw := func() ([]node.TrackFile, []node.TrackProcess) {
			return []node.TrackFile{{Name: "f", Weight: pick(r, 0, 1, -2), Reverse: chance(r, 15)}},
				[]node.TrackProcess{{Name: "p", Weight: drawWeight(r), Reverse: chance(r, 15)}}
		}
		for j := range cfg.Instances {
			if in := &cfg.Instances[j]; !in.Router.Hold && chance(r, 60) {
				in.Files, in.Processes = draw()
			}
		}
		for j := range cfg.Groups {
			cfg.Groups[j].Files, cfg.Groups[j].Processes = draw()
		}
	}
}

// watched works out what the node must have made of tracked files and
// processes.
func (n *Node) watched(files []node.TrackFile, processes []node.TrackProcess, add func(up bool, weight int, reverse bool)) (sum int, fault bool) {
	for _, t := range files {
		product := int(n.Files[t.Name]) * t.Weight
		if t.Reverse {
			product = -product
		}
		switch {
		case t.Weight == 0:
			add((n.Files[t.Name] == 0) != t.Reverse, 0, false)
		case product <= -254:
			fault = true
		default:
			sum += min(product, 253)
		}
	}
	for _, t := range processes {
		q := n.Config.Processes[0].Quorum
		count, known := n.Processes[t.Name]
		if !known {
			count = 1
		}
		add(count >= q.Least && (q.Most < 0 || count <= q.Most), t.Weight, t.Reverse)
	}
	return sum, fault
}
