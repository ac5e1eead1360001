<?xml version="1.0" encoding="UTF-8"?>
<MessageAcknowledgement type="REJECTED">
<DateTime>2026-03-02T09:30:00+1100</DateTime>
<CustomerId>EXAMPLE01</CustomerId>
<MessageDetails>
<OriginalMessageId>9000017</OriginalMessageId>
<DatatypeDescription>Example payments                                            </DatatypeDescription>
<OriginalFilename>EXAMPLE-PAYOUT-0007.bpb</OriginalFilename>
</MessageDetails>
<Issues>
<Issue type="REJECTED">Line 1 is not as it should be.</Issue>
</Issues>
</MessageAcknowledgement>
