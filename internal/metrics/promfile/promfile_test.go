package promfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lapwing.dev/lapwing/internal/metrics/promfile"
	"lapwing.dev/lapwing/internal/verbatim"
)

// part makes a part of the file whose lines have the paths that stand behind #.
func part(text string) (y verbatim.YAML) {
	for line := range strings.Lines(text) {
		line, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " # ")
		y.Text += line + "\n"
		y.Paths = append(y.Paths, path)
	}
	return y
}

func TestMistakesAreToldByPathAndWithoutSecrets(t *testing.T) {
	for name, tt := range map[string]struct{ key, text, path, message, hint string }{
		"a key that does not exist": {
			"remote_write", "- url: http://a # [0].url\n- url: http://b # [1].url\n  tiemout: 3s # [1].tiemout\n",
			"remote_write[1].tiemout", `unknown key "tiemout"`, "keys",
		},
		"a service discovery that is not compiled in": {
			"scrape_configs", "- job_name: a # [0].job_name\n  consul_sd_configs: # [0].consul_sd_configs\n  - server: x # [0].consul_sd_configs[0].server\n",
			"scrape_configs[0].consul_sd_configs", `the service discovery "consul_sd_configs" is not known here`, "static_configs, file_sd_configs, http_sd_configs and dns_sd_configs",
		},
		"a value of another kind": {
			"remote_write", "- url: http://a # [0].url\n  queue_config: hunter2secret # [0].queue_config\n",
			"remote_write[0].queue_config", "a text cannot stand here", "want keys and values",
		},
		"without a line": {
			"scrape_configs", "- job_name: a # [0].job_name\n- job_name: '' # [1].job_name\n",
			"scrape_configs[1]", "job_name is empty", "",
		},
		"two that are each right": {
			"scrape_configs", "- job_name: a # [0].job_name\n- job_name: a # [1].job_name\n",
			"scrape_configs", `multiple scrape configs with job name "a"`, "",
		},
		"a password in an URL": {
			"remote_write", "- url: 'http://joe:hunter2@[' # [0].url\n", "remote_write[0]", "the URL", "",
		},
		"not YAML": {"remote_write", "- url: [hunter2 # [0].url\n", "remote_write", "did not find", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := promfile.Load(tt.key, part(tt.text), "")
			if len(problems) != 1 {
				t.Fatalf("problems: %v", problems)
			}
			p := problems[0]
			if p.Path != tt.path && tt.path != "remote_write" || !strings.Contains(p.Message, tt.message) || !strings.Contains(p.Hint, tt.hint) {
				t.Errorf("%+v", p)
			}
			if strings.Contains(p.Message+p.Hint, "hunter2") {
				t.Errorf("a secret is told: %+v", p)
			}
		})
	}
}

func TestASectionThatIsNotGivenIsEmpty(t *testing.T) {
	loaded, problems := promfile.Load("remote_write", verbatim.YAML{}, "")
	if problems != nil || len(loaded.RemoteWriteConfigs) != 0 {
		t.Errorf("%v, %v", loaded, problems)
	}
}

func TestFileNamesAreRelativeToTheConfiguration(t *testing.T) {
	loaded, problems := promfile.Load("remote_write", part("- url: http://a # \n  basic_auth: {username: joe, password_file: secret.txt} # \n"), "/etc/lapwing")
	if problems != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff("/etc/lapwing/secret.txt", loaded.RemoteWriteConfigs[0].HTTPClientConfig.BasicAuth.PasswordFile); diff != "" {
		t.Error(diff)
	}
}
