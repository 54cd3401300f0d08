// Report HTTP responses with status 500 to Slack
function onItemCaptured(data) {
  if (data.protocol.name === "http" && data.response && data.response.status === 500)
    vendor.slack(env.SLACK_WEBHOOK, "Server-side Error", JSON.stringify(data), "#ff0000");
}
