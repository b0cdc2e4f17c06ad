package capability

import (
	"time"

	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Budgets counts the uses of grants for who is no broker, by the same rules.
type Budgets struct{ budgets budgets }

// NewBudgets counts in a folder that nobody else counts in.
func NewBudgets(dir string) *Budgets { return &Budgets{budgets{dir: dir}} }

// Spend takes one use from the first of the grants that has one left. It is on
// disk when Spend returns; a grant without a budget costs nothing.
func (b *Budgets) Spend(grants []vigil.Grant, now time.Time) error {
	return b.budgets.spend(grants, now, false)
}

// Bounded keeps a guest's word for a capability short and printable enough for
// a transcript.
func Bounded(op string) string { return bounded(op, 64) }
