package daemon

import (
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"syscall"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/kernel/sched"
)

// priorities are how the kernel is to run the daemon. keepalived has a process
// for VRRP and one for BFD, and settings for each; this one has the stronger of
// both. The limit of real time has a default, which threads that collect garbage
// would reach: it counts only when it is written.
func priorities(g *config.Global) sched.Settings {
	s := sched.Settings{
		RealTime: max(g.VRRPRTPriority, g.BFDRTPriority),
		Nice:     min(g.VRRPPriority, g.BFDPriority),
		CPUs:     slices.Concat(g.VRRPCPUs, g.BFDCPUs),
		NoSwap:   g.VRRPNoSwap || g.BFDNoSwap,
	}
	if s.Nice == 0 { // one that is left out, or both
		s.Nice = max(g.VRRPPriority, g.BFDPriority)
	}
	if g.Written.Has("vrrp_rlimit_rttime") {
		s.RealTimeLimit = g.VRRPRTTime
	}
	if g.Written.Has("bfd_rlimit_rttime") {
		s.RealTimeLimit = max(s.RealTimeLimit, g.BFDRTTime)
	}
	return s
}

// prioritise has the kernel run the daemon as the configuration asks. What
// cannot be had is logged, and no reason not to run.
func prioritise(g *config.Global, log *slog.Logger) (*sched.Process, error) {
	p, err := sched.Current()
	if err != nil {
		return nil, err
	}
	for _, err := range p.Apply(priorities(g)) {
		log.Warn("cannot run as the configuration asks", "err", err)
	}
	return p, nil
}

// keepPriorities says when a reload asks for what only a start sets.
func (d *daemon) keepPriorities(g *config.Global) {
	if !reflect.DeepEqual(priorities(&d.current().Global), priorities(g)) {
		d.log.Warn("vrrp_priority, vrrp_rt_priority, vrrp_no_swap, vrrp_cpu_affinity, vrrp_rlimit_rttime and those of BFD take effect only after a restart")
	}
}

// again is within which time the kernel repeats SIGXCPU to a process of which a
// thread does not stop: it does each second.
const again = 1500 * time.Millisecond

// watchRealTime gives real time up when a thread does not stop running in it,
// until the function that it returns is called.
func watchRealTime(p *sched.Process, log *slog.Logger) (end func()) {
	signals, quit, ended := make(chan os.Signal, 1), make(chan struct{}), make(chan struct{})
	signal.Notify(signals, syscall.SIGXCPU)
	go func() {
		defer close(ended)
		var last time.Time
		for {
			select {
			case <-quit:
				return
			case <-signals:
			}
			if now := time.Now(); now.Sub(last) > again {
				last = now
				log.Warn("a real-time thread ran for longer than vrrp_rlimit_rttime allows without sleeping")
				continue
			}
			if err := p.Calm(); err != nil {
				log.Error("a real-time thread runs on and on and cannot be stopped", "err", err)
				continue
			}
			log.Error("real-time scheduling was given up because a thread ran on and on: restart the daemon to have it back, and report this")
		}
	}()
	return func() {
		signal.Stop(signals)
		close(quit)
		<-ended
	}
}
