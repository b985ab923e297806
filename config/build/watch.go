package build

import (
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/track"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Files returns where each track_file of c is, by name.
func Files(c *config.Config) map[string]string {
	paths := make(map[string]string, len(c.TrackFiles))
	for i := range c.TrackFiles {
		paths[c.TrackFiles[i].Name] = c.TrackFiles[i].File
	}
	return paths
}

// Patterns returns which processes each vrrp_track_process of c means, by
// name. As in keepalived arguments that are configured without param_match
// must be all that there are.
func Patterns(c *config.Config) map[string]track.Pattern {
	patterns := make(map[string]track.Pattern, len(c.TrackProcesses))
	for i := range c.TrackProcesses {
		p := &c.TrackProcesses[i]
		x := track.Pattern{Name: p.Process[0], Args: p.Process[1:], Full: p.FullCommand}
		switch p.ParamMatch {
		case "initial":
			x.Match = track.InitialArgs
		case "partial":
			x.Match = track.PartialArgs
		case "exact":
			x.Match = track.ExactArgs
		default:
			if len(x.Args) > 0 {
				x.Match = track.ExactArgs
			}
		}
		patterns[p.Name] = x
	}
	return patterns
}

func process(p *config.TrackProcess) node.Process {
	n := node.Process{
		Name: p.Name, Quorum: track.Quorum{Least: p.Quorum, Most: track.NoMost},
		ForkDelay: p.ForkDelay, TerminateDelay: p.TerminateDelay,
	}
	if p.QuorumMax != nil {
		n.Quorum.Most = *p.QuorumMax
	}
	return n
}

func files(tracks []config.Track) []node.TrackFile {
	var all []node.TrackFile
	for _, t := range tracks {
		all = append(all, node.TrackFile{Name: t.Name, Weight: t.Weight, Reverse: t.Reverse})
	}
	return all
}

func processes(tracks []config.Track) []node.TrackProcess {
	var all []node.TrackProcess
	for _, t := range tracks {
		all = append(all, node.TrackProcess{Name: t.Name, Weight: t.Weight, Reverse: t.Reverse})
	}
	return all
}

// delays returns how late changes of interfaces count. As in keepalived no
// loss counts later than the instances on the interface can wait for: backups
// must not take over while it still counts as up. Of several lines for one
// interface the last counts.
func delays(c *config.Config) []node.InterfaceDelay {
	c = Within(c, "")
	var all []node.InterfaceDelay
	at := make(map[string]int)
	for _, d := range c.InterfaceDelays {
		x := node.InterfaceDelay{Interface: d.Interface, Up: d.Up, Down: d.Down}
		for i := range c.Instances {
			in := &c.Instances[i]
			if in.Interface != d.Interface {
				continue
			}
			skew := vrrp.Version(in.Version).Skew(uint8(in.Priority), in.AdvertInt)
			x.Down = min(x.Down, max(0, in.AdvertInt*time.Duration(in.DownTimerAdverts-1)-skew))
		}
		if i, ok := at[d.Interface]; ok {
			all[i] = x
			continue
		}
		at[d.Interface] = len(all)
		all = append(all, x)
	}
	return all
}
