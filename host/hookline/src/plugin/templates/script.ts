// Say when an HTTP response has a server error
import type { Item } from "./hookline-sdk/hookline";

export function onItemCaptured(data: Item): void {
  if (data.protocol.name !== "http" || !data.response) return;
  if (data.response.status >= 500) console.log(data.response.status, "on", data.request.method, data.request.path);
}
