// Says at each panel what the cache of responses did to answer for it. The headers
// Cache-Status (RFC 9211) and Age of its response say it; the page has the words. See
// answers.go.
document.addEventListener("htmx:after:swap", event => {
	const {response, target} = event.detail.ctx
	const status = response?.headers.get("Cache-Status")
	const place = document.getElementById("answer-" + target?.id)
	if (!status || !place) return
	const words = JSON.parse(document.getElementById("words").textContent)
	const why = /detail="(.*)"/.exec(status)?.[1]
	place.parentElement.classList.toggle("replayed", status.includes("; hit")) // then the rest is of that time
	if (status.includes("; hit")) place.textContent = words.Replayed.replace("{}", response.headers.get("Age"))
	else if (why) place.textContent = words.Refused.replace("{}", words.Reasons[why] ?? why)
	else place.textContent = words.Kept
})
