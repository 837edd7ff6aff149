// What starts this run has no data.
return [{ json: {} }];
