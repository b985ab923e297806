package engine

import (
	"context"

	"github.com/moonkeep/moonkeep/core/node"
)

// askPolicy asks the policy of the plan whether instances may preempt, all that
// the action names: they move together. Who asked before a reload is answered by
// the policy of before.
func (e *Engine) askPolicy(a *node.Action) {
	policy, instance, moves := e.plan.Policy, a.Instance, a.Preempt
	e.runs.Go(func() {
		ctx, cancel := context.WithTimeout(e.runCtx, policyLimit)
		defer cancel()
		said := &node.PolicySaid{Instance: instance}
		for _, p := range moves {
			if policy == nil || said.Objection != "" {
				break
			}
			objection, err := policy.Accept(ctx, PlannedMove{
				Instance: p.Instance, Group: p.Group, Cause: "preemption", Priority: p.Priority, MasterFor: p.MasterFor, Master: p.Master, MasterPriority: p.MasterPriority,
			})
			if err != nil {
				e.teller.trouble(p.Instance, "its policy could not say whether it may preempt now: preempting", err)
			} else if objection != "" && p.Instance != instance {
				objection = p.Instance + ": " + objection
			}
			said.Objection = objection
		}
		e.Event(said)
	})
}
