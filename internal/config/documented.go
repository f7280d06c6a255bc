package config

func documentedDefault(section, key string) string { return "" }
