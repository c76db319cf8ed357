package torture

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// FaultKind is a kind of fault.
type FaultKind string

// The kinds of faults.
const (
	KillNode          FaultKind = "kill -9 of a node"
	FreezeNode        FaultKind = "SIGSTOP of a node"
	EndNode           FaultKind = "SIGTERM of a node"
	RestartDatabase   FaultKind = "fast restart of PostgreSQL"
	CrashDatabase     FaultKind = "immediate restart of PostgreSQL"
	KillBackends      FaultKind = "killed backends"
	CutNetwork        FaultKind = "database connections cut"
	DelayNetwork      FaultKind = "database connections delayed"
	SilenceNetwork    FaultKind = "database connections blackholed"
	CutClients        FaultKind = "client connections cut"
	StickClients      FaultKind = "stuck clients"
	RevokeGrants      FaultKind = "revoked grants"
	StepClocks        FaultKind = "clock steps of clients"
	faultsFirst                 = 0.05 // no fault before this part of the events has been written,
	faultsLast                  = 0.95 // nor behind this one
	shortestFaultPart           = 0.1  // the shortest duration, as a part of the longest
)

// FaultKinds lists them all.
func FaultKinds() []FaultKind {
	return []FaultKind{
		KillNode, FreezeNode, EndNode, RestartDatabase, CrashDatabase, KillBackends, CutNetwork,
		DelayNetwork, SilenceNetwork,
		CutClients, StickClients, RevokeGrants, StepClocks,
	}
}

// Fault is one entry of a schedule.
type Fault struct {
	At   float64 // the part of the events that has been written when it happens
	Kind FaultKind
	Node int           // the node that it hits, where it hits one
	For  time.Duration // its duration, where it has one
	Seed uint64        // for all further choices
}

// Schedule returns n faults in the order in which they happen. It depends only on its arguments, and has every kind
// where n is large enough.
func Schedule(seed uint64, n, nodes int, longest time.Duration) []Fault {
	rng := rand.New(rand.NewPCG(seed, 1))
	kinds := FaultKinds()
	faults := make([]Fault, n)
	for i := range faults {
		if i%len(kinds) == 0 {
			rng.Shuffle(len(kinds), func(a, b int) { kinds[a], kinds[b] = kinds[b], kinds[a] })
		}
		part := shortestFaultPart + (1-shortestFaultPart)*rng.Float64()
		faults[i] = Fault{
			At: faultsFirst + (faultsLast-faultsFirst)*rng.Float64(), Kind: kinds[i%len(kinds)], Node: rng.IntN(nodes),
			For: time.Duration(part * float64(longest)), Seed: rng.Uint64(),
		}
	}
	slices.SortFunc(faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return faults
}
