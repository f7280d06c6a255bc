// Package proxies has no code. Its tests put the configurations of examples/nginx,
// caddy, haproxy and traefik to work: the real programs, asking a real decision
// endpoint, and every limit must mean behind them what it means elsewhere.
package proxies
