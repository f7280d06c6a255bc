package traffic

import "testing"

func TestTheShortFormOfTheAccessLogNamesAFile(t *testing.T) {
	for _, text := range []string{"true", "on", "Off", "no"} {
		var log AccessLog
		if err := log.FromScalar(text); err == nil {
			t.Errorf("access_log: %s would be a file of this name", text)
		}
	}
	var log AccessLog
	if err := log.FromScalar("access.log"); err != nil || log.Path != "access.log" {
		t.Errorf("access_log: access.log is %+v, %v", log, err)
	}
}
