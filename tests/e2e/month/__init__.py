"""The simulated month: a Pipedrive and a RingCentral that people use, our side that follows, and what must hold at the
end. `history` knows what everybody said and what follows from it, `world` says it to the servers, `day` is our side's
work of a day as a process, `month` goes through the days, `holds` looks at the end.
"""
