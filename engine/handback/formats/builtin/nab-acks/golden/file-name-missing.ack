<?xml version="1.0" encoding="UTF-8"?>
<MessageAcknowledgement type="RECEIVED">
<DateTime>2026-03-02T09:30:00+1100</DateTime>
<CustomerId>EXAMPLE01</CustomerId>
<MessageDetails>
<OriginalMessageId>9000017</OriginalMessageId>
<DatatypeDescription>Example payments                                            </DatatypeDescription>
<OriginalFilename></OriginalFilename>
</MessageDetails>
<Issues>
<Issue type="RECEIVED">Sent on.</Issue>
</Issues>
</MessageAcknowledgement>
