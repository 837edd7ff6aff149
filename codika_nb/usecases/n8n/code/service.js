// What the trigger gave.
return $($START).all();
