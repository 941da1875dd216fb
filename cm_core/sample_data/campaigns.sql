-- Four campaigns of a year: letters, texts, calls, e-mails.
select line || chr(10) as line
from (values
    (1, 'M26-01,Lease Offer Letter,direct mail,2026-01-05,2026-03-31'),
    (2, 'S26-02,Lease Offer Text,sms,2026-02-02,2026-02-28'),
    (3, 'C26-03,Royalty Follow-up Calls,call,03/02/2026,04/30/2026'),
    (4, 'E26-04,Spring Newsletter,email,2026-04-01,')
) as campaigns(position, line)
order by position
