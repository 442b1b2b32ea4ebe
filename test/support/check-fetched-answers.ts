// The setup file of the API tests: their answers are what the OpenAPI document says.
import { checkFetchedAnswers } from './documented-servers.js';

checkFetchedAnswers();
