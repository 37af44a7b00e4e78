"""Cars' APIs, routers and geocoders for car trips, asked at the moment of a ping. Nothing is kept here.

What their answers mean for a trip is rules/'s. No position, VIN or token is logged.
"""
