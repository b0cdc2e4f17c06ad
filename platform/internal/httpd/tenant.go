package httpd

import (
	"context"
	"time"

	"github.com/techmedaddy/vigil/platform/internal/flow"
	"github.com/techmedaddy/vigil/sdk/vigil"
)

// Tenant is all that HTTP can reach of one tenant. A nil part answers 404 with
// code not_available, so that a process which plays one role serves its part.
type Tenant struct {
	Ingest       Ingest
	History      History
	Prometheus   Prometheus
	Policies     Policies
	Effects      Effects
	Reasons      Reasons
	Modules      Modules
	State        ModuleState
	Grants       Grants
	Remediations Remediations
	Approvals    Approvals
	Leases       Leases
	Records      Records
	Judgements   Judgements
	Remediators  Remediators
	Targets      Targets
	Breakers     Breakers
	Notices      Notices
	KillSwitch   KillSwitch
	Brakes       Brakes
}

// Ingest admits samples, in each protocol's own form; what its receipt counts as
// accepted is on disk. Influx's times count units.
type Ingest interface {
	JSON(ctx context.Context, req flow.IngestRequest) (flow.Receipt, error)
	RemoteWrite(ctx context.Context, req flow.IngestRequest) (flow.Receipt, error)
	OTLP(ctx context.Context, req flow.IngestRequest) (flow.Receipt, error)
	Influx(ctx context.Context, req flow.IngestRequest, unit time.Duration) (flow.Receipt, error)
}

// History is the stored samples, newest first.
type History interface {
	Latest(ctx context.Context, n int) ([]vigil.Sample, error)
}

// Policies are the applied policies.
type Policies interface {
	List(ctx context.Context) ([]flow.PolicyRow, error)
	Get(ctx context.Context, name string) (flow.PolicyRow, error)
	Apply(ctx context.Context, by string, p vigil.Policy) (row flow.PolicyRow, did flow.Applied, err error)
	Delete(ctx context.Context, by, name string) error
}

// Effects tell of what use policies are.
type Effects interface {
	Stats(ctx context.Context, name string, since time.Time) (vigil.PolicyStats, error)
}

// Reasons tell why something was, or was not, acted on.
type Reasons interface {
	Why(ctx context.Context, of string) (vigil.Reasons, error)
}

// Modules is the registry of uploaded modules.
type Modules interface {
	List(ctx context.Context) ([]vigil.Module, error)
	Resolve(ctx context.Context, ref string) (vigil.Module, error)
	Upload(ctx context.Context, u flow.Upload) (m vigil.Module, known bool, err error)
	Bytes(ctx context.Context, digest string) ([]byte, error)
	Delete(ctx context.Context, by, ref string) error
}

// ModuleState is what modules keep for themselves.
type ModuleState interface {
	State(ctx context.Context, ref, prefix string) ([]vigil.StateEntry, error)
	RemoveState(ctx context.Context, by, ref, key string) error
}

// Grants says what module digests may do.
type Grants interface {
	Grant(ctx context.Context, by string, g vigil.Grant) (vigil.Grant, error)
	Grants(ctx context.Context, digest string) ([]vigil.Grant, error)
	Revoke(ctx context.Context, by, id string) error
	Diff(ctx context.Context, old, next string) (vigil.CapabilityDiff, error)
}

// Remediations reads and requests remediations. Await returns when until says
// yes or ctx ends; in the latter case with the context's error.
type Remediations interface {
	Remediation(ctx context.Context, id string) (vigil.Remediation, error)
	Remediations(ctx context.Context, f flow.RemediationFilter) ([]vigil.Remediation, error)
	Request(ctx context.Context, w flow.Wish) (vigil.Remediation, error)
	Await(ctx context.Context, id string, until func(vigil.Remediation) bool) (vigil.Remediation, error)
	Preview(ctx context.Context, id string) (*vigil.Preview, error)
}

// Approvals is a person's word on a remediation that waits. Approve takes the
// version that the person saw, 0 for whichever it has.
type Approvals interface {
	Approve(ctx context.Context, id, by string, version int64) error
	Deny(ctx context.Context, id, by string) error
	Cancel(ctx context.Context, id, by string) error
	Undo(ctx context.Context, id, by string) (vigil.Remediation, error)
}

// Leases is the collector's half of the lease protocol. Lease blocks until
// there is work, wait is over or ctx ends; nil without an error means no work.
type Leases interface {
	Register(ctx context.Context, r vigil.Remediator) error
	Lease(ctx context.Context, remediator string, wait time.Duration) (*flow.Lease, error)
	Start(ctx context.Context, l flow.Lease) error
	Heartbeat(ctx context.Context, l flow.Lease) (flow.Renewal, error)
	Finish(ctx context.Context, r flow.Report) error
}

// Records is the audit log and the seed's actions table.
type Records interface {
	Audit(ctx context.Context, after int64, limit int) ([]vigil.AuditRecord, error)
	AuditFor(ctx context.Context, object string) ([]vigil.AuditRecord, error)
	AuditCheck(ctx context.Context, after int64, limit int) (vigil.AuditCheck, error)
	PutSeedAction(ctx context.Context, a flow.SeedAction, rec vigil.AuditRecord) error
	SeedActions(ctx context.Context, limit int) ([]flow.SeedAction, error)
}

// Judgements is what the policies found.
type Judgements interface {
	Episodes(ctx context.Context, limit int) ([]vigil.Episode, error)
	Decisions(ctx context.Context, policy string, limit int) ([]vigil.Decision, error)
	Decision(ctx context.Context, id string) (vigil.Decision, error)
}

// Remediators lists the registered remediators and the services they reach.
type Remediators interface {
	Remediators(ctx context.Context) ([]vigil.Remediator, error)
}

// Targets is the inventory of what policies know, with what people said of it.
// Mark takes one of vigil.MarkWords.
type Targets interface {
	Targets(ctx context.Context) ([]vigil.KnownTarget, error)
	Mark(ctx context.Context, t vigil.Target, word, by, reason string) error
}

// Breakers lists what is stopped because too much went wrong, and lets a policy
// go on.
type Breakers interface {
	Breakers(ctx context.Context) ([]vigil.Breaker, error)
	ResetBreaker(ctx context.Context, policy, by string) error
}

// KillSwitch stops every new action while engaged.
type KillSwitch interface {
	KillSwitch() flow.KillSwitch
	SetKillSwitch(ctx context.Context, k flow.KillSwitch) error
}

// Notices are the messages to people and the channels that they take.
type Notices interface {
	Notifications(ctx context.Context, f flow.NotificationFilter) ([]vigil.Notification, error)
	Channels() []vigil.Channel
	Test(ctx context.Context, name, by string) (vigil.ChannelAnswer, error)
}

// Brakes are the pauses and the windows of maintenance. After Pause returned,
// nothing new starts in its scope.
type Brakes interface {
	Brakes() ([]vigil.Pause, []vigil.Window)
	Pause(ctx context.Context, p vigil.Pause, d vigil.Duration) (vigil.Pause, error)
	Resume(ctx context.Context, who, by string) (remain []vigil.Pause, err error)
	SetMaintenance(ctx context.Context, w vigil.Window, d vigil.Duration) (vigil.Window, error)
	RemoveMaintenance(ctx context.Context, name, by string) error
}
