// Package otlp moves metrics by OpenTelemetry's protocol over HTTP, in both
// directions: Receiver stores what SDKs and collectors send, Exporter sends our
// own series to a collector or a Datadog Agent.
package otlp
