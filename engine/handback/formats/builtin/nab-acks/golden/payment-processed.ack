<PaymentsAcknowledgement type="info">
<PaymentId>9000025</PaymentId>
<OriginalMessageId>9000017</OriginalMessageId>
<DateTime>2026/03/02</DateTime>
<UserMessage>Payment status is PROCESSED</UserMessage>
<OriginalFilename>EXAMPLE-PAYOUT-0007.bpb</OriginalFilename>
<Issues>
<Issue type="900001">Payment successfully uploaded.</Issue>
<Issue type="900002">Payment successfully validated.</Issue>
</Issues>
</PaymentsAcknowledgement>
