// Say when an HTTP response has a server error
function onItemCaptured(data) {
  if (data.protocol.name !== "http" || !data.response) return;
  if (data.response.status >= 500)
    console.log(data.response.status, "on", data.request.method, data.request.path);
}
