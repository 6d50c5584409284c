"""What a customer's further orders are likely to be worth, from when they ordered and for how much.

``histories`` sums up orders, ``bg_nbd`` says how many more there will be, ``gamma_gamma`` what one
is worth, ``fitting`` fits both, holds them against a hold-out and refuses what it cannot say, and
``estimates`` brings them to the warehouse.
"""
