package httpd

// collector binds the collector's routes.
func (s *site) collector() {
	s.health()
	s.samples()
	s.remoteWrite()
	s.otlp()
	s.influx()
	s.prometheus()
	s.actions()
	s.modules()
	s.policies()
	s.judgements()
	s.remediations()
	s.records()
	s.fleet()
	s.brakes()
	s.notices()
	s.leases()
}
