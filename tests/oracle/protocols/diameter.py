"""Diameter: messages."""
from message import Message


def truth_messages(truth):
    for item in truth.get('l7', {}).get('diameter', []):
        fields = {name: item[name] for name in ('app', 'e2e', 'origin', 'result') if name in item}
        yield item['f'], Message((item['hbh'], bool(item['request'])), item['code'], fields, where='frame %d' % item['f'])


def our_messages(items):
    for item in items:
        for side in ('request', 'response') if item['protocol']['name'] == 'diameter' else ():
            if message := item.get(side):
                frame = item['frames'][side][0]
                fields = {'app': message['applicationId'], 'e2e': message['endToEndId'], 'origin': message.get('originHost'), 'result': message.get('resultCode')}
                yield frame, Message((message['hopByHopId'], side == 'request'), message['commandCode'], fields, where='frame %d' % frame)
