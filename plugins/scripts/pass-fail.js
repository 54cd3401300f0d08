// Colour HTTP rows of the dashboard: red for status 500, green for the rest
function onItemQueried(data) {
  if (data.protocol.name === "http" && data.response)
    return data.response.status === 500 ? test.fail(data) : test.pass(data);
}
