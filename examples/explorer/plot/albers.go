package plot

import "math"

// A Place is a point on the earth, in degrees; north and east are positive.
type Place struct{ Lat, Lon float64 }

// albers is the equal-area conic projection of a sphere: areas keep their
// ratios, so that circles and the density of dots can be compared anywhere on
// the map. See Snyder, Map Projections: A Working Manual (1987), page 100.
type albers struct {
	n, c, rho0, lon0 float64
}

// newAlbers projects around an origin with two standard parallels, in degrees.
func newAlbers(origin Place, south, north float64) albers {
	s, n := radians(south), radians(north)
	var a albers
	a.n = (math.Sin(s) + math.Sin(n)) / 2
	a.c = math.Cos(s)*math.Cos(s) + 2*a.n*math.Sin(s)
	a.rho0 = a.rho(radians(origin.Lat))
	a.lon0 = radians(origin.Lon)
	return a
}

func (a albers) rho(lat float64) float64 { return math.Sqrt(a.c-2*a.n*math.Sin(lat)) / a.n }

// project is the place in radii of the sphere: x to the east, y to the south.
func (a albers) project(p Place) (x, y float64) {
	rho, theta := a.rho(radians(p.Lat)), a.n*(radians(p.Lon)-a.lon0)
	return rho * math.Sin(theta), rho*math.Cos(theta) - a.rho0
}

func radians(degrees float64) float64 { return degrees * math.Pi / 180 }

// Two projections of one scale: the customary ones of the 48 contiguous states
// and of Hawaii, which is moved below California.
var (
	contiguous = newAlbers(Place{Lat: 37.5, Lon: -96}, 29.5, 45.5)
	hawaii     = newAlbers(Place{Lat: 20.6, Lon: -157.4}, 8, 18)
)

const (
	mapHeight = 312.0
	mapScale  = 602.0 // plot units per radius: 48 states fill the width
)

// onMap is where a place is drawn. Places elsewhere land outside the drawing.
func onMap(p Place) (x, y float64) {
	if p.Lon < -140 {
		x, y = hawaii.project(p)
		return 78 + mapScale*x, 274 + mapScale*y
	}
	x, y = contiguous.project(p)
	return 244 + mapScale*x, 150 + mapScale*y
}
