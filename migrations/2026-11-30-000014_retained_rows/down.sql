DROP TABLE retained_rows;
