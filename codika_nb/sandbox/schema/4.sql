-- The values of deployment parameters, with the defaults of their fields.
ALTER TABLE instances ADD COLUMN parameter_values TEXT NOT NULL DEFAULT '{}';
UPDATE instances SET parameter_values = parameters;
