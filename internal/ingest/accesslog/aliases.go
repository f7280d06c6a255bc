package accesslog

// alias are names of members that mean a field; with dots for objects in objects.
type alias struct {
	field fieldID
	paths string // separated by blanks
}

// aliases are the names of a format, and the members of which a line must have
// one to be of it.
func aliases(format string) (table []alias, needs []string) {
	switch format {
	case Caddy:
		return caddyNames(), []string{"request"}
	case NginxJSON:
		return nginxNames(), []string{"request", "request_uri", "request_method"}
	}
	// What several programs call the same must mean the same; nginx' own names are
	// nobody else's.
	return append(nginxNames(), generalNames()...), nil
}

// caddyNames are those of Caddy's logger http.log.access.
func caddyNames() []alias {
	return []alias{
		{fieldTime, "ts"},
		{fieldMethod, "request.method"},
		{fieldTarget, "request.uri"},
		{fieldProtocol, "request.proto"},
		{fieldHost, "request.host"},
		{fieldClient, "request.remote_addr request.remote_ip request.client_ip"},
		{fieldForwarded, "request.headers.X-Forwarded-For"},
		{fieldUserAgent, "request.headers.User-Agent"},
		{fieldTLS, "request.tls"},
		{fieldUser, "user_id"},
		{fieldStatus, "status"},
		{fieldBytes, "size"},
		{fieldBytesIn, "bytes_read"},
		{fieldSeconds, "duration"},
		{fieldRequestID, "uuid resp_headers.X-Request-Id"},
		{fieldTraceID, "traceID trace_id"},
	}
}

// nginxNames are nginx' variables, as everybody's log_format names its members.
func nginxNames() []alias {
	return []alias{
		{fieldTime, "time_local time_iso8601 msec"},
		{fieldRequest, "request"},
		{fieldMethod, "request_method"},
		{fieldTarget, "request_uri"},
		{fieldPath, "uri document_uri"},
		{fieldQuery, "args query_string"},
		{fieldProtocol, "server_protocol"},
		{fieldStatus, "status"},
		{fieldBytes, "bytes_sent body_bytes_sent"},
		{fieldSeconds, "request_time"},
		{fieldConnect, "upstream_connect_time"},
		{fieldWait, "upstream_header_time"},
		{fieldClient, "remote_addr"},
		{fieldForwarded, "http_x_forwarded_for x_forwarded_for"},
		{fieldUser, "remote_user"},
		{fieldUserAgent, "http_user_agent"},
		{fieldHost, "server_name host http_host"},
		{fieldScheme, "scheme"},
		{fieldRequestID, "request_id"},
		{fieldTraceID, "otel_trace_id trace_id"},
		// What people call the same variables.
		{fieldTime, "time @timestamp timestamp"},
		{fieldMethod, "method"},
		{fieldProtocol, "protocol"},
		{fieldBytes, "bytes"},
		{fieldUserAgent, "user_agent agent"},
		{fieldClient, "client client_ip"},
	}
}

// generalNames are those of Envoy, Traefik, Elastic's common schema, OpenTelemetry,
// pino, and of our own access log.
func generalNames() []alias {
	return []alias{
		{fieldTime, "ts start_time StartUTC datetime date asctime"},
		{fieldMethod, "RequestMethod http.request.method http.method req.method http_method verb request.method"},
		{fieldTarget, "RequestPath url.original http.target req.url request_path url target"},
		{fieldPath, "path url.path http.path request.path"},
		{fieldQuery, "query url.query"},
		{fieldProtocol, "RequestProtocol proto http_version request.protocol"},
		{fieldStatus, "DownstreamStatus http.response.status_code http.status_code res.statusCode status_code statusCode code response_code response.status"},
		{fieldBytes, "DownstreamContentSize http.response.body.bytes response_size size bytes_out responseSize content_length"},
		{fieldBytesIn, "RequestContentSize http.request.body.bytes bytes_received bytes_in request_size"},
		{fieldDuration, "duration elapsed latency took response_time"},
		{fieldSeconds, "duration_s duration_seconds elapsed_s latency_s"},
		{fieldMillis, "duration_ms elapsed_ms latency_ms took_ms time_ms response_time_ms responseTime process_time_ms"},
		{fieldMicros, "duration_us latency_us elapsed_us time_us"},
		{fieldNanos, "Duration event.duration duration_ns latency_ns elapsed_ns"},
		{fieldClient, "ClientHost client.ip source.ip client.address remote_ip remoteAddress req.remoteAddress ip clientip downstream_remote_address"},
		{fieldForwarded, "forwarded forwarded_for X-Forwarded-For request_X-Forwarded-For req.headers.x-forwarded-for"},
		{fieldUser, "ClientUsername user.name user username"},
		{fieldUserAgent, "request_User-Agent user_agent.original http.user_agent req.headers.user-agent userAgent"},
		{fieldHost, "RequestHost url.domain authority :authority req.headers.host http.host vhost server.address"},
		{fieldScheme, "RequestScheme url.scheme http.scheme"},
		{fieldRequestID, "requestId req.id x_request_id correlation_id req_id"},
		{fieldTraceID, "traceId TraceId trace.id"},
	}
}
