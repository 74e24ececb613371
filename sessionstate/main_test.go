package sessionstate_test

import (
	"testing"

	"github.com/reecho-go/reecho/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
