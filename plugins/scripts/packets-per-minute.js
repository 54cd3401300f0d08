// Count packets and kilobytes, and print them each minute
var packets = 0, kb = 0;
function onPacketCaptured(info) { packets++; kb += info.length / 1000; }
function report() { console.log("packets per minute:", packets, "KB per minute:", kb); packets = 0; kb = 0; }
jobs.schedule("report-packets", "0 */1 * * * *", report);
