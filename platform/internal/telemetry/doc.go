// Package telemetry lets Vigil be watched: traces, logs and self-metrics. It
// alone imports the OpenTelemetry SDK and the Prometheus client.
//
// It promises every part of the platform that telling it something never
// blocks and never fails: spans go into a bounded queue, what does not fit or
// cannot be delivered is dropped and counted, and without an endpoint nothing
// is done at all. It promises whoever looks at Jaeger that a span has exactly
// the identifiers, parent and times that the core gave it, however long after
// the work it is exported, and stands under the service whose work it was:
// vigil-agent, vigil-collector or vigil-remediator.
//
// Which spans are worth exporting is left to those who emit them; the numbers
// behind self-metrics, to the parts that count.
package telemetry
