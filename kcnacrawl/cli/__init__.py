"""What commands share: how they check arguments, report a refusal and leave."""
